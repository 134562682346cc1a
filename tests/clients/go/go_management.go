// Microsoft's SDKs for Go: azidentity, the arm* clients of DPS and hubs, azcertificates.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/deviceprovisioningservices/armdeviceprovisioningservices"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/iothub/armiothub"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"
)

type ground struct {
	Group    string
	Location string
	Vault    struct{ Name, URL string }
	Hub      struct{ Name, Host string }
	Dps      struct{ Name, Scope string }
}

// attempt says whether the work did the operation.
func attempt(operation string, client string, work func() error) {
	words := ""
	if err := work(); err != nil {
		words = err.Error()
		fmt.Fprintln(os.Stderr, words)
	}
	line, _ := json.Marshal(map[string]any{"client": client, "operation": operation, "ok": words == "", "words": words})
	fmt.Println(string(line))
}

func main() {
	var here ground
	text, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = json.Unmarshal(text, &here)
	}
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	credential, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		panic(err)
	}
	attempt("sign in", "azidentity", func() error {
		_, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
		return err
	})
	hubs(ctx, here, credential)
	services(ctx, here, credential)
	certificates(ctx, here, credential)
}

func hubs(ctx context.Context, here ground, credential *azidentity.DefaultAzureCredential) {
	const name = "armiothub"
	client, err := armiothub.NewResourceClient(os.Getenv("AZURE_SUBSCRIPTION_ID"), credential, nil)
	if err != nil {
		panic(err)
	}
	attempt("management read", name, func() error {
		hub, err := client.Get(ctx, here.Group, here.Hub.Name, nil)
		if err != nil {
			return err
		}
		if *hub.Properties.HostName != here.Hub.Host {
			return errors.New(*hub.Properties.HostName)
		}
		pages := client.NewListKeysPager(here.Group, here.Hub.Name, nil)
		for pages.More() {
			if _, err := pages.NextPage(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	attempt("management create", name, func() error {
		wanted := armiothub.Description{
			Location: to.Ptr(here.Location),
			SKU:      &armiothub.SKUInfo{Name: to.Ptr(armiothub.IotHubSKUS1), Capacity: to.Ptr[int64](1)},
		}
		poller, err := client.BeginCreateOrUpdate(ctx, here.Group, "iot-go", wanted, nil)
		if err != nil {
			return err
		}
		if _, err = poller.PollUntilDone(ctx, nil); err != nil {
			return err
		}
		deleting, err := client.BeginDelete(ctx, here.Group, "iot-go", nil)
		if err != nil {
			return err
		}
		_, err = deleting.PollUntilDone(ctx, nil)
		return err
	})
}

func services(ctx context.Context, here ground, credential *azidentity.DefaultAzureCredential) {
	const name = "armdeviceprovisioningservices"
	client, err := armdeviceprovisioningservices.NewIotDpsResourceClient(os.Getenv("AZURE_SUBSCRIPTION_ID"), credential, nil)
	if err != nil {
		panic(err)
	}
	attempt("management read", name, func() error {
		service, err := client.Get(ctx, here.Dps.Name, here.Group, nil)
		if err != nil {
			return err
		}
		if *service.Properties.IDScope != here.Dps.Scope {
			return errors.New(*service.Properties.IDScope)
		}
		return nil
	})
	attempt("management create", name, func() error {
		wanted := armdeviceprovisioningservices.ProvisioningServiceDescription{
			Location:   to.Ptr(here.Location),
			Properties: &armdeviceprovisioningservices.IotDpsPropertiesDescription{},
			SKU: &armdeviceprovisioningservices.IotDpsSKUInfo{
				Name:     to.Ptr(armdeviceprovisioningservices.IotDpsSKUS1),
				Capacity: to.Ptr[int64](1),
			},
		}
		poller, err := client.BeginCreateOrUpdate(ctx, here.Group, "dps-go", wanted, nil)
		if err != nil {
			return err
		}
		if _, err = poller.PollUntilDone(ctx, nil); err != nil {
			return err
		}
		deleting, err := client.BeginDelete(ctx, "dps-go", here.Group, nil)
		if err != nil {
			return err
		}
		_, err = deleting.PollUntilDone(ctx, nil)
		return err
	})
}

func certificates(ctx context.Context, here ground, credential *azidentity.DefaultAzureCredential) {
	client, err := azcertificates.NewClient(here.Vault.URL, credential, nil)
	if err != nil {
		panic(err)
	}
	attempt("vault certificate", "azcertificates", func() error {
		wanted := azcertificates.CreateCertificateParameters{CertificatePolicy: &azcertificates.CertificatePolicy{
			IssuerParameters:          &azcertificates.IssuerParameters{Name: to.Ptr("Self")},
			X509CertificateProperties: &azcertificates.X509CertificateProperties{Subject: to.Ptr("CN=go")},
		}}
		if _, err := client.CreateCertificate(ctx, "go-certificate", wanted, nil); err != nil {
			return err
		}
		for {
			operation, err := client.GetCertificateOperation(ctx, "go-certificate", nil)
			if err != nil {
				return err
			}
			if *operation.Status != "inProgress" {
				break
			}
			time.Sleep(time.Second)
		}
		made, err := client.GetCertificate(ctx, "go-certificate", "", nil)
		if err != nil {
			return err
		}
		if len(made.CER) < 100 {
			return errors.New("no certificate")
		}
		names := 0
		pages := client.NewListCertificatePropertiesPager(nil)
		for pages.More() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			names += len(page.Value)
		}
		if names < 2 {
			return fmt.Errorf("%d certificates", names)
		}
		return nil
	})
}
